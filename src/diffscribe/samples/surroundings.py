"""What surrounds the code of a project: manifest, lock file, CI, README, licence."""

import base64
import hashlib
import json
from functools import cache

from diffscribe.samples.project import Project

MANIFESTS = {
    "python": ("pyproject.toml", "uv.lock"),
    "typescript": ("package.json", "package-lock.json"),
    "go": ("go.mod", "go.sum"),
    "rust": ("Cargo.toml", "Cargo.lock"),
    "java": ("build.gradle", "gradle.lockfile"),
    "c": ("conanfile.txt", "conan.lock"),
}
"""Manifest and lock file by language."""

IGNORED = {
    "python": ("__pycache__/", "*.pyc", ".venv/", "dist/"),
    "typescript": ("node_modules/", "dist/", "*.tsbuildinfo"),
    "go": ("bin/", "*.test", "*.out"),
    "rust": ("target/", "*.rs.bk"),
    "java": ("build/", "*.class", ".gradle/"),
    "c": ("build/", "*.o", "*.a"),
}

TOOLCHAINS = {
    "python": ("python", ("3.9", "3.10", "3.11", "3.12", "3.13")),
    "typescript": ("node", ("16", "18", "20", "22", "24")),
    "go": ("go", ("1.19", "1.20", "1.21", "1.22", "1.23")),
    "rust": ("rust", ("1.70", "1.72", "1.74", "1.76", "1.78")),
    "java": ("java", ("11", "17", "21", "22", "23")),
    "c": ("gcc", ("10", "11", "12", "13", "14")),
}
"""Key of the version in the CI matrix, and the versions that come and go."""

CHECKS = {
    "python": ("ruff check .", "mypy .", "ruff format --check ."),
    "typescript": ("npx tsc --noEmit", "npx prettier --check .", "npx eslint ."),
    "go": ("go vet ./...", "gofmt -l .", "staticcheck ./..."),
    "rust": ("cargo clippy", "cargo fmt --check", "cargo deny check"),
    "java": ("gradle spotlessCheck", "gradle checkstyleMain", "gradle javadoc"),
    "c": ("make lint", "cppcheck src", "clang-format -n src/*.c"),
}

TESTS = {
    "python": "pytest",
    "typescript": "npx vitest run",
    "go": "go test ./...",
    "rust": "cargo test",
    "java": "gradle test",
    "c": "make test",
}

_MIT = """\
MIT License

Copyright (c) 2024 {holder}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

_ISC = """\
ISC License

Copyright (c) 2024 {holder}

Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH
REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY
AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM
LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR
OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR
PERFORMANCE OF THIS SOFTWARE.
"""

_BSD = """\
BSD 3-Clause License

Copyright (c) 2024, {holder}

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this
   list of conditions and the following disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice,
   this list of conditions and the following disclaimer in the documentation
   and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its
   contributors may be used to endorse or promote products derived from
   this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"
AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE
FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
DAMAGES ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF
THE POSSIBILITY OF SUCH DAMAGE.
"""

_APACHE = """\
                                 Apache License
                           Version 2.0, January 2004
                        http://www.apache.org/licenses/

Copyright 2024 {holder}

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
"""

LICENSES = {"MIT": _MIT, "ISC": _ISC, "BSD-3-Clause": _BSD, "Apache-2.0": _APACHE}
"""Texts, or the notice to apply, by SPDX id."""


def surrounding_files(project: Project) -> dict[str, str | bytes]:
    """Return the files that are not a module's, by path."""
    repository = project.repository
    manifest, lock = MANIFESTS[repository.language]
    version = ".".join(map(str, project.version))
    files: dict[str, str | bytes] = {
        manifest: _manifest(
            repository.name, repository.language, version, project.dependencies
        ),
        lock: _lock(repository.language, project.dependencies),
        ".github/workflows/ci.yml": _workflow(project),
        ".gitignore": "".join(f"{pattern}\n" for pattern in project.ignored),
        "README.md": _readme(project),
        "CHANGELOG.md": "# Changelog\n" + "".join(f"{x}\n" for x in project.changes),
        "LICENSE": LICENSES[repository.license].format(
            holder=repository.authors[0].split(" <")[0]
        ),
    }
    index = _index(project)
    return files | index | dict(project.others)


def _index(project: Project) -> dict[str, str | bytes]:
    """Return the file that names all modules, where a language needs one."""
    names = sorted(module.name for module in project.modules)
    if project.repository.language == "rust":
        return {"src/lib.rs": "".join(f"pub mod {name};\n" for name in names)}
    if project.repository.language == "typescript":
        exports = (f'export * as {name} from "./{name}";\n' for name in names)
        return {"src/index.ts": "".join(exports)}
    return {}


@cache
def _manifest(
    name: str, language: str, version: str, dependencies: tuple[tuple[str, str], ...]
) -> str:
    match language:
        case "python":
            needs = "".join(f'    "{each}>={at}",\n' for each, at in dependencies)
            head = f'[project]\nname = "{name}"\nversion = "{version}"\n'
            return f"{head}dependencies = [\n{needs}]\n"
        case "typescript":
            packages = {each: f"^{at}" for each, at in dependencies}
            package = {"name": name, "version": version, "devDependencies": packages}
            return json.dumps(package, indent=2) + "\n"
        case "go":
            needs = "".join(f"\t{each} v{at}\n" for each, at in dependencies)
            head = f"// version {version}\nmodule example.org/{name}\n\ngo 1.21\n\n"
            return f"{head}require (\n{needs})\n"
        case "rust":
            needs = "".join(f'{each} = "{at}"\n' for each, at in dependencies)
            head = f'[package]\nname = "{name}"\nversion = "{version}"\n'
            return f'{head}edition = "2021"\n\n[dependencies]\n{needs}'
        case "java":
            needs = "".join(
                f'    testImplementation "{name}:{each}:{at}"\n'.replace(name, "lib", 1)
                for each, at in dependencies
            )
            return f'version = "{version}"\n\ndependencies {{\n{needs}}}\n'
    needs = "".join(f"{each}/{at}\n" for each, at in dependencies)
    return f"# version {version}\n[requires]\n{needs}"


@cache
def _lock(language: str, dependencies: tuple[tuple[str, str], ...]) -> str:
    match language:
        case "python" | "rust":
            return "version = 1\n" + "".join(
                f'\n[[package]]\nname = "{each}"\nversion = "{at}"\n'
                f'checksum = "{_digest(each, at)}"\n'
                for each, at in dependencies
            )
        case "typescript":
            packages = {
                f"node_modules/{each}": {
                    "version": at,
                    "integrity": f"sha512-{_digest(each, at)}",
                }
                for each, at in dependencies
            }
            return (
                json.dumps({"lockfileVersion": 3, "packages": packages}, indent=2)
                + "\n"
            )
        case "go":
            return "".join(
                f"{each} v{at} h1:{_digest(each, at)}\n" for each, at in dependencies
            )
        case "java":
            return "# This is a generated file.\n" + "".join(
                f"lib:{each}:{at}=testRuntimeClasspath\n" for each, at in dependencies
            )
    requires = [f"{each}/{at}#{_digest(each, at)}" for each, at in dependencies]
    return json.dumps({"version": "0.5", "requires": requires}, indent=2) + "\n"


def _digest(name: str, version: str) -> str:
    """Return what looks like the checksum of a package."""
    digest = hashlib.sha256(f"{name} {version}".encode()).digest()
    return base64.b64encode(digest[:18]).decode()


def _workflow(project: Project) -> str:
    language = project.repository.language
    key, _ = TOOLCHAINS[language]
    versions = ", ".join(f'"{each}"' for each in project.toolchains)
    steps = "".join(
        f"      - run: {each}\n" for each in (*project.checks, TESTS[language])
    )
    return (
        "name: ci\non: [push, pull_request]\njobs:\n  test:\n"
        "    runs-on: ubuntu-latest\n    strategy:\n      matrix:\n"
        f"        {key}: [{versions}]\n    steps:\n"
        f"      - uses: actions/checkout@v4\n{steps}"
    )


def _readme(project: Project) -> str:
    sections = "".join(f"\n## {title}\n\n{text}\n" for title, text in project.readme)
    return f"# {project.repository.name}\n\n{project.repository.summary}\n{sections}"
