"""Recognise the license of a repository by the words of its license file."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

LICENSE_FILE = re.compile(rb"(?:un)?licen[sc]e|copying", re.IGNORECASE)
TITLE_CHARS = 200
"""Where a license names itself; further down it may name others."""

TITLES = {
    "gnu affero general public license version 3": "AGPL-3.0",
    "gnu lesser general public license version 3": "LGPL-3.0",
    "gnu lesser general public license version 2 1": "LGPL-2.1",
    "gnu general public license version 3": "GPL-3.0",
    "gnu general public license version 2": "GPL-2.0",
    "mozilla public license version 2 0": "MPL-2.0",
    "apache license version 2 0": "Apache-2.0",
}
SENTENCES = {
    "permission is hereby granted free of charge to any person obtaining a copy of "
    "this software and associated documentation files": "MIT",
    "permission to use copy modify and or distribute this software for any purpose "
    "with or without fee is hereby granted": "ISC",
    "permission to use copy modify and distribute this software for any purpose "
    "with or without fee is hereby granted": "ISC",
    "this is free and unencumbered software released into the public domain": (
        "Unlicense"
    ),
}
BSD = "redistribution and use in source and binary forms with or without"
BSD_3 = "neither the name of"
BSD_4 = "all advertising materials"


def license_reader(read: Callable[[Any], Any]) -> Callable[[Any], str | None]:
    """Return a function from the sha of a root tree to its SPDX id or None.

    Of several license files the first by name that is recognised counts.
    """

    @cache
    def of_blob(blob: Any) -> str | None:
        return recognise(read(blob).data.decode("utf-8", "replace"))

    def of_tree(tree: Any) -> str | None:
        for entry in read(tree):
            if entry.type_str == "blob" and LICENSE_FILE.match(entry.raw_name):
                spdx_id = of_blob(entry.id)
                if spdx_id is not None:
                    return spdx_id
        return None

    return of_tree


def recognise(text: str) -> str | None:
    """Return the SPDX id of a license text, or None if it is not in the table.

    "Or later" is granted outside of the text, so GNU ids come without it.
    """
    words = re.sub(r"[^a-z0-9]+", " ", text.lower())
    for title, spdx_id in TITLES.items():
        if title in words[:TITLE_CHARS]:
            return spdx_id
    for sentence, spdx_id in SENTENCES.items():
        if sentence in words:
            return spdx_id
    if BSD in words and BSD_4 not in words:
        return "BSD-3-Clause" if BSD_3 in words else "BSD-2-Clause"
    return None
