import pytest
from tests.support.growth import assert_linear

from diffscribe.harvest.context import license_reader, recognise

BSD = "Redistribution and use in source and binary forms, with or without\nmodification"
ENDORSE = " be used to endorse or promote products\nderived from this software"
ISC = (
    "Permission to use, copy, modify, and/or distribute this software for any\n"
    "purpose with or without fee is hereby granted, provided that"
)
MIT = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy\n"
    'of this software and associated documentation files (the "Software"), to deal'
)
ZLIB = (
    "In no event will the authors be held liable for any damages arising from the\n"
    "use of this software.\n\nPermission is granted to anyone to use this software"
)
GPL_2_THAT_NAMES_OTHERS = """
    GNU GENERAL PUBLIC LICENSE
       Version 2, June 1991
Some other Free Software Foundation software is covered by the
GNU Lesser General Public License instead. GNU Affero General Public
License, version 3, is another.
"""
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
        (BSD + " Neither the name of X" + ENDORSE, "BSD-3-Clause"),
        (BSD + " The names of the contributors may not" + ENDORSE, "BSD-3-Clause"),
        (BSD + " All advertising materials mentioning", None),
        (ISC, "ISC"),
        (ISC.replace("and/or", "and"), "ISC"),
        (ISC.replace(", provided that", ".\n\nTHE SOFTWARE"), "0BSD"),
        (MIT, "MIT"),
        ("MIT No Attribution\n\n" + MIT, "MIT-0"),
        ("GNU Library General Public License\nVersion 2, June 1991", "LGPL-2.0"),
        ("# Eclipse Public License - v 2.0", "EPL-2.0"),
        ("Boost Software License - Version 1.0 - August", "BSL-1.0"),
        ("               The Artistic License 2.0\n", "Artistic-2.0"),
        ("Creative Commons Legal Code\n\nCC0 1.0 Universal\n", "CC0-1.0"),
        ("European Union Public Licence v. 1.2\n", "EUPL-1.2"),
        ("Business Source License 1.1\n", "BUSL-1.1"),
        ("Elastic License 2.0\n", "Elastic-2.0"),
        (ZLIB, "Zlib"),
        ("SPDX-License-Identifier: CECILL-2.1\n\nWhatever", "CECILL-2.1"),
        ("SPDX-License-Identifier: mit\n", "MIT"),
        (f"SPDX-License-Identifier: {'a' * 1_000_000}\n", None),
        (f"SPDX-License-Identifier: LicenseRef-{'a' * 99}\n", None),
        ("SPDX-License-Identifier: sk-live-0123456789abcdef\n", None),
        ("Words.\n" * 50 + "\n  GNU GENERAL PUBLIC LICENSE\n  Version 2", "GPL-2.0"),
        (GPL_2_THAT_NAMES_OTHERS, "GPL-2.0"),
        (UNLICENSE, "Unlicense"),
        ("All rights reserved.", None),
        ("Ours. " * 50 + "Not the Apache License, Version 2.0", None),
        ("", None),
    ],
)
def test_recognises_a_license_by_its_words(text, spdx_id):
    assert recognise(text) == spdx_id


@pytest.mark.parametrize("text", ["\n", " ", "gnu ", "the \n", "SPDX-", "spdx:\n\t"])
def test_a_hostile_license_takes_time_by_its_length(text):
    assert_linear(lambda size: recognise((text * size)[:size]), 2**16)


def test_reads_the_first_known_license_file_of_the_root(history, opened):
    history.commit("feat: begin", {"docs/LICENSE": ISC, "a": "1"})
    of_tree = license_reader(opened(history.folder))

    def license_at_head():
        return of_tree(history.repository[history.head].tree_id)

    assert license_at_head() is None
    history.commit("docs: license", {"LICENCE.md": ISC, "COPYING": "Ours.\n"})
    assert license_at_head() == "ISC"
    history.commit("docs: free it", {"LICENCE.md": None, "UNLICENSE": UNLICENSE})
    assert license_at_head() == "Unlicense"
