import pytest

from diffscribe.history.license import license_reader, recognise
from diffscribe.samples.builder import History

BSD = "Redistribution and use in source and binary forms, with or without\nmodification"
ISC = (
    "Permission to use, copy, modify, and/or distribute this software for any\n"
    "purpose with or without fee is hereby granted, provided that"
)
UNLICENSE = "This is free and unencumbered software released into the public domain.\n"


@pytest.mark.parametrize(
    ("text", "spdx_id"),
    [
        ("   Apache License\n   Version 2.0, January 2004\n", "Apache-2.0"),
        ("GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007", "GPL-3.0"),
        ("GNU GENERAL PUBLIC LICENSE\n  Version 2, June 1991", "GPL-2.0"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19", "AGPL-3.0"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n Version 3, 29", "LGPL-3.0"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n Version 2.1, F", "LGPL-2.1"),
        ("Mozilla Public License Version 2.0\n====", "MPL-2.0"),
        (BSD, "BSD-2-Clause"),
        (BSD + " Neither the name of the copyright holder", "BSD-3-Clause"),
        (BSD + " All advertising materials mentioning", None),
        (ISC, "ISC"),
        (ISC.replace("and/or", "and"), "ISC"),
        (UNLICENSE, "Unlicense"),
        ("All rights reserved.", None),
        ("Ours. " * 50 + "Not the Apache License, Version 2.0", None),
        ("", None),
    ],
)
def test_recognises_a_license_by_its_words(text: str, spdx_id: str | None) -> None:
    assert recognise(text) == spdx_id


def test_reads_the_first_known_license_file_of_the_root(history: History) -> None:
    of_tree = license_reader(history.repository.__getitem__)

    def license_at_head() -> str | None:
        return of_tree(history.repository[history.head].tree_id)

    history.commit("feat: begin", {"docs/LICENSE": ISC, "a": "1"})
    assert license_at_head() is None
    history.commit("docs: license", {"LICENCE.md": ISC, "COPYING": "Ours.\n"})
    assert license_at_head() == "ISC"
    history.commit("docs: free it", {"LICENCE.md": None, "UNLICENSE": UNLICENSE})
    assert license_at_head() == "Unlicense"
