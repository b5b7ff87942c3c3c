"""What the functions of the sample projects do, and how each may evolve.

Sources are Python; `@` and `@s` stand for a noun and its plural, chosen by the
module. Every function is total on its `calls`; a call of `bug` gives another
result, or an error, before the fix.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """A possible change of a function: source text and what to say of it."""

    old: str
    new: str
    says: str
    """Subject with `{f}` for the function and `@`, `@s` for the nouns."""
    why: str
    """A sentence for the body."""
    calls: tuple[str, ...] = ()
    """Arguments of calls that show the change, as Python text."""
    test: str = ""
    """End of the name of the test that shows it."""


class Pattern(NamedTuple):
    """One family of functions."""

    noun: str
    """`number` or `text`: the nouns it is about."""
    source: str
    doc: str
    calls: tuple[str, ...]
    edge: tuple[str, str]
    """Another call and the end of its test's name, for test commits."""
    fixes: tuple[Step, ...] = ()
    perfs: tuple[Step, ...] = ()
    refactors: tuple[Step, ...] = ()
    options: tuple[Step, ...] = ()
    """New parameters; `calls` then replace all calls, so they are breaking."""


_EMPTY_ZERO = "\n    if len(@s) == 0:\n        return 0\n"

PATTERNS = (
    Pattern(
        "number",
        """def count_@s_above(@s: list[int], limit: int) -> int:
    count = 0
    for @ in @s:
        if @ > limit:
            count += 1
    return count
""",
        "Count the @s above a limit.",
        ("[1, 5, 9], 4",),
        ("[], 3", "of_nothing"),
        fixes=(
            Step(
                "@ > limit",
                "@ >= limit",
                "count a @ equal to the limit in {f}",
                "A @ that was exactly at the limit was left out.",
                ("[3, 4, 5], 4",),
                "at_limit",
            ),
        ),
        refactors=(Step("count", "matches", "rename count to matches in {f}", ""),),
    ),
    Pattern(
        "number",
        """def total_@(@s: list[int]) -> int:
    total = 0
    for @ in @s:
        total += @
    return total
""",
        "Add up all @s.",
        ("[3, 4, 5]",),
        ("[]", "of_nothing"),
        fixes=(
            Step(
                "        total += @\n",
                "        if @ > 0:\n            total += @\n",
                "skip negative @s in {f}",
                "A negative @ made the total too small.",
                ("[4, -2, 1]",),
                "skips_negative",
            ),
        ),
        refactors=(Step("total = 0", "sum = 0", "rename total to sum in {f}", ""),),
        options=(
            Step(
                "(@s: list[int]) -> int:\n    total = 0",
                "(@s: list[int], start: int) -> int:\n    total = start",
                "take a start value in {f}",
                "{f} now needs the value to start from; pass 0 for the old result.",
                ("[3, 4, 5], 10", "[], 2"),
            ),
        ),
    ),
    Pattern(
        "number",
        """def average_@(@s: list[int]) -> int:
    total = 0
    for @ in @s:
        total += @
    return total // len(@s)
""",
        "Average the @s, rounded down.",
        ("[2, 4, 9]",),
        ("[7]", "of_one"),
        fixes=(
            Step(
                ") -> int:\n    total",
                f") -> int:{_EMPTY_ZERO}    total",
                "return zero from {f} without @s",
                "An empty list divided by zero.",
                ("[]",),
                "of_nothing",
            ),
        ),
    ),
    Pattern(
        "number",
        """def largest_@(@s: list[int]) -> int:
    largest = @s[0]
    for @ in @s:
        if @ > largest:
            largest = @
    return largest
""",
        "Find the largest @.",
        ("[2, 8, 5]",),
        ("[3, 3]", "of_equal_values"),
        fixes=(
            Step(
                ") -> int:\n    largest",
                f") -> int:{_EMPTY_ZERO}    largest",
                "handle an empty list in {f}",
                "Reading the first @ of an empty list failed.",
                ("[]",),
                "of_empty_list",
            ),
        ),
        refactors=(
            Step(
                "        if @ > largest:\n            largest = @\n",
                "        largest = max(largest, @)\n",
                "use max instead of a comparison in {f}",
                "",
            ),
        ),
    ),
    Pattern(
        "number",
        """def clamp_@(@: int, lowest: int, highest: int) -> int:
    if @ < lowest:
        return lowest
    if @ > highest:
        return highest
    return @
""",
        "Keep the @ between two bounds.",
        ("5, 1, 3", "0, 1, 3"),
        ("3, 1, 3", "at_bound"),
        fixes=(
            Step(
                ") -> int:\n",
                ") -> int:\n    if lowest > highest:\n        return @\n",
                "ignore reversed bounds in {f}",
                "With the lowest bound above the highest one, a bound was returned.",
                ("4, 9, 1",),
                "with_reversed_bounds",
            ),
        ),
        refactors=(
            Step(
                "    if @ < lowest:\n        return lowest\n"
                "    if @ > highest:\n        return highest\n    return @\n",
                "    return max(lowest, min(@, highest))\n",
                "write {f} with min and max",
                "",
            ),
        ),
    ),
    Pattern(
        "number",
        """def scale_@s(@s: list[int], factor: int) -> list[int]:
    scaled: list[int] = []
    for @ in @s:
        scaled.append(@ * factor)
    return scaled
""",
        "Multiply every @ by a factor.",
        ("[1, 2], 3",),
        ("[4], 0", "by_zero"),
        refactors=(Step("scaled", "result", "rename scaled to result in {f}", ""),),
        options=(
            Step(
                "factor: int)",
                "factor: int, offset: int)",
                "add an offset to {f}",
                "{f} now needs an offset; pass 0 for the old result.",
                ("[1, 2], 3, 1",),
            ),
        ),
    ),
    Pattern(
        "number",
        """def keep_@s_below(@s: list[int], limit: int) -> list[int]:
    kept: list[int] = []
    for @ in @s:
        if @ < limit:
            kept.append(@)
    return kept
""",
        "Keep only the @s below a limit.",
        ("[1, 7, 3], 5",),
        ("[9], 5", "without_match"),
        fixes=(
            Step(
                "@ < limit",
                "@ <= limit",
                "keep a @ that equals the limit in {f}",
                "The limit itself was dropped although it is allowed.",
                ("[5, 6], 5",),
                "keeps_limit",
            ),
        ),
    ),
    Pattern(
        "number",
        """def has_@(@s: list[int], wanted: int) -> bool:
    found = False
    for @ in @s:
        if @ == wanted:
            found = True
    return found
""",
        "Tell whether the wanted @ is present.",
        ("[1, 2], 2", "[1, 2], 3"),
        ("[], 1", "in_nothing"),
        perfs=(
            Step(
                "    found = False\n    for @ in @s:\n        if @ == wanted:\n"
                "            found = True\n    return found\n",
                "    for @ in @s:\n        if @ == wanted:\n"
                "            return True\n    return False\n",
                "stop {f} at the first match",
                "The loop went on after the @ was found.",
            ),
        ),
        refactors=(
            Step(
                "    found = False\n    for @ in @s:\n        if @ == wanted:\n"
                "            found = True\n    return found\n",
                "    return wanted in @s\n",
                "replace the loop of {f} with a membership test",
                "",
            ),
        ),
    ),
    Pattern(
        "number",
        """def unique_@s(@s: list[int]) -> list[int]:
    seen: list[int] = []
    for @ in @s:
        if @ not in seen:
            seen.append(@)
    return seen
""",
        "Drop repeated @s and keep the order.",
        ("[3, 1, 3]",),
        ("[]", "of_nothing"),
        perfs=(
            Step(
                "    seen: list[int] = []\n    for @ in @s:\n"
                "        if @ not in seen:\n            seen.append(@)\n"
                "    return seen\n",
                "    seen: set[int] = set()\n    kept: list[int] = []\n"
                "    for @ in @s:\n        if @ not in seen:\n"
                "            seen.add(@)\n            kept.append(@)\n"
                "    return kept\n",
                "look @s up in a set in {f}",
                "Searching the list made long inputs quadratic.",
            ),
        ),
        refactors=(Step("seen", "known", "rename seen to known in {f}", ""),),
    ),
    Pattern(
        "number",
        """def shift_@s(@s: list[int], step: int) -> list[int]:
    shifted: list[int] = []
    for @ in @s:
        shifted.append(@ + step)
    return shifted
""",
        "Move every @ by a step.",
        ("[1, 2], 5",),
        ("[3], -3", "backwards"),
        fixes=(
            Step(
                "shifted.append(@ + step)",
                "shifted.append(max(0, @ + step))",
                "never go below zero in {f}",
                "A large negative step gave a negative @.",
                ("[2], -5",),
                "stops_at_zero",
            ),
        ),
    ),
    Pattern(
        "number",
        """def index_of_@(@s: list[int], wanted: int) -> int:
    index = 0
    for @ in @s:
        if @ == wanted:
            return index
        index += 1
    return 0
""",
        "Find the position of the wanted @.",
        ("[4, 6], 6",),
        ("[4, 4], 4", "of_first_match"),
        fixes=(
            Step(
                "    return 0\n",
                "    return -1\n",
                "return -1 from {f} when the @ is missing",
                "Zero is also the position of the first @.",
                ("[4, 6], 9",),
                "of_missing",
            ),
        ),
        refactors=(Step("index", "position", "rename index to position in {f}", ""),),
    ),
    Pattern(
        "number",
        """def running_@s(@s: list[int]) -> list[int]:
    sums: list[int] = []
    for end in range(0, len(@s)):
        total = 0
        for start in range(0, end + 1):
            total += @s[start]
        sums.append(total)
    return sums
""",
        "List the running totals of the @s.",
        ("[1, 2, 3]",),
        ("[]", "of_nothing"),
        perfs=(
            Step(
                "    for end in range(0, len(@s)):\n        total = 0\n"
                "        for start in range(0, end + 1):\n"
                "            total += @s[start]\n        sums.append(total)\n",
                "    total = 0\n    for @ in @s:\n        total += @\n"
                "        sums.append(total)\n",
                "keep one running total in {f}",
                "Every total was added up from the start again.",
            ),
        ),
        refactors=(Step("sums", "totals", "rename sums to totals in {f}", ""),),
    ),
    Pattern(
        "number",
        """def spread_of_@s(@s: list[int]) -> int:
    lowest = @s[0]
    highest = @s[0]
    for @ in @s:
        lowest = min(lowest, @)
    for @ in @s:
        highest = max(highest, @)
    return highest - lowest
""",
        "Measure how far the @s are apart.",
        ("[3, 9, 5]",),
        ("[4]", "of_one"),
        fixes=(
            Step(
                ") -> int:\n    lowest",
                f") -> int:{_EMPTY_ZERO}    lowest",
                "accept an empty list in {f}",
                "There is no first @ to start from.",
                ("[]",),
                "of_empty_list",
            ),
        ),
        perfs=(
            Step(
                "        lowest = min(lowest, @)\n    for @ in @s:\n",
                "        lowest = min(lowest, @)\n",
                "merge the two loops of {f}",
                "One pass over the @s is enough.",
            ),
        ),
    ),
    Pattern(
        "number",
        """def is_@_within(@: int, lowest: int, highest: int) -> bool:
    return lowest < @ and @ < highest
""",
        "Check that the @ lies between two bounds.",
        ("2, 1, 3", "5, 1, 3"),
        ("-1, -5, 0", "of_negative_value"),
        fixes=(
            Step(
                "lowest < @ and @ < highest",
                "lowest <= @ and @ <= highest",
                "include the bounds in {f}",
                "A @ at one of the bounds was refused.",
                ("1, 1, 3", "3, 1, 3"),
                "at_bounds",
            ),
        ),
    ),
    Pattern(
        "number",
        """def percent_of_@(part: int, @: int) -> int:
    return part * 100 // @
""",
        "Express a part of the @ in percent.",
        ("1, 4",),
        ("0, 5", "of_zero_part"),
        fixes=(
            Step(
                ") -> int:\n",
                ") -> int:\n    if @ == 0:\n        return 0\n",
                "avoid a division by zero in {f}",
                "A @ of zero has no parts.",
                ("3, 0",),
                "of_zero",
            ),
        ),
    ),
    Pattern(
        "number",
        """def next_@(@: int, step: int, limit: int) -> int:
    if @ + step > limit:
        return limit
    return @ + step
""",
        "Advance the @ by a step, up to a limit.",
        ("1, 2, 9", "8, 2, 9"),
        ("7, 2, 9", "at_limit"),
        fixes=(
            Step(
                ") -> int:\n",
                ") -> int:\n    if step < 0:\n        return @\n",
                "reject a negative step in {f}",
                "A negative step moved the @ backwards.",
                ("5, -1, 9",),
                "with_negative_step",
            ),
        ),
        refactors=(
            Step(
                "    if @ + step > limit:\n        return limit\n    return @ + step\n",
                "    return min(@ + step, limit)\n",
                "simplify {f} with min",
                "",
            ),
        ),
    ),
    Pattern(
        "number",
        """def wrap_@(@: int, size: int) -> int:
    return @ % size
""",
        "Wrap the @ around at a size.",
        ("7, 5",),
        ("5, 5", "at_size"),
        fixes=(
            Step(
                ") -> int:\n",
                ") -> int:\n    if size <= 0:\n        return @\n",
                "guard {f} against a size of zero",
                "A size of zero divided by zero.",
                ("3, 0",),
                "with_zero_size",
            ),
        ),
    ),
    Pattern(
        "number",
        """def add_@s(first: list[int], second: list[int]) -> list[int]:
    added: list[int] = []
    for index in range(0, len(first)):
        added.append(first[index] + second[index])
    return added
""",
        "Add two lists of @s one by one.",
        ("[1, 2], [3, 4]",),
        ("[], []", "of_nothing"),
        fixes=(
            Step(
                "range(0, len(first))",
                "range(0, min(len(first), len(second)))",
                "stop {f} at the shorter list",
                "A shorter second list was read past its end.",
                ("[1, 2], [3]",),
                "of_unequal_length",
            ),
        ),
    ),
    Pattern(
        "number",
        """def skip_@s(@s: list[int], count: int) -> list[int]:
    rest: list[int] = []
    for index in range(count, len(@s)):
        rest.append(@s[index])
    return rest
""",
        "Leave out the first @s.",
        ("[1, 2, 3], 2",),
        ("[1], 5", "beyond_the_end"),
        fixes=(
            Step(
                "range(count, len(@s))",
                "range(max(count, 0), len(@s))",
                "treat a negative count as zero in {f}",
                "A negative count started before the first @.",
                ("[1, 2], -1",),
                "with_negative_count",
            ),
        ),
        perfs=(
            Step(
                "    rest: list[int] = []\n",
                "    rest: list[int] = []\n"
                "    if count >= len(@s):\n        return rest\n",
                "return early from {f} past the end",
                "There is nothing to copy.",
            ),
        ),
        refactors=(Step("rest", "remaining", "rename rest to remaining in {f}", ""),),
    ),
    Pattern(
        "text",
        """def longest_@(@s: list[str]) -> str:
    longest = ""
    for @ in @s:
        if len(@) >= len(longest):
            longest = @
    return longest
""",
        "Find the longest @.",
        ('["a", "abc"]',),
        ("[]", "of_nothing"),
        fixes=(
            Step(
                "len(@) >= len(longest)",
                "len(@) > len(longest)",
                "prefer the first @ in {f} on a tie",
                "The last one of equally long @s won.",
                ('["ab", "cd"]',),
                "on_a_tie",
            ),
        ),
        perfs=(
            Step(
                '    longest = ""\n',
                '    longest = ""\n    if len(@s) == 1:\n        return @s[0]\n',
                "skip the loop of {f} for a single @",
                "Most callers pass only one @.",
            ),
        ),
    ),
    Pattern(
        "text",
        """def find_@(@s: list[str], prefix: str) -> str:
    for @ in @s:
        if @.startswith(prefix):
            return @
    return ""
""",
        "Find the first @ with a prefix.",
        ('["ab", "cd"], "c"',),
        ('["ab"], "x"', "without_match"),
        fixes=(
            Step(
                "@.startswith(prefix)",
                "@.lower().startswith(prefix.lower())",
                "ignore case in {f}",
                "A prefix in capitals found nothing.",
                ('["ab"], "A"',),
                "ignores_case",
            ),
        ),
        perfs=(
            Step(
                "    for @ in @s:\n        if @.lower().startswith(prefix.lower()):",
                "    wanted = prefix.lower()\n    for @ in @s:\n"
                "        if @.lower().startswith(wanted):",
                "lower the prefix only once in {f}",
                "The prefix was lowered again for every @.",
            ),
        ),
    ),
    Pattern(
        "text",
        """def count_@s_with(@s: list[str], prefix: str) -> int:
    count = 0
    for @ in @s:
        if @.startswith(prefix):
            count += 1
    return count
""",
        "Count the @s with a prefix.",
        ('["ab", "ac", "b"], "a"',),
        ('[], "a"', "of_nothing"),
        fixes=(
            Step(
                "    count = 0\n",
                "    if len(prefix) == 0:\n        return 0\n    count = 0\n",
                "count nothing for an empty prefix in {f}",
                "Every @ starts with an empty prefix.",
                ('["ab"], ""',),
                "with_empty_prefix",
            ),
        ),
        refactors=(Step("count = 0", "hits = 0", "rename count to hits in {f}", ""),),
    ),
    Pattern(
        "text",
        """def clean_@(@: str) -> str:
    return @.strip()
""",
        "Remove the white space around the @.",
        ('" ab "',),
        ('"ab"', "of_clean_text"),
        fixes=(
            Step(
                "@.strip()",
                "@.strip().lower()",
                "lower the case in {f}",
                "@s that differ only in case were not equal.",
                ('" AB "',),
                "lowers_case",
            ),
        ),
    ),
    Pattern(
        "text",
        """def same_@(first: str, second: str) -> bool:
    return first == second
""",
        "Tell whether two @s are the same.",
        ('"ab", "ab"', '"ab", "cd"'),
        ('"", ""', "of_empty_text"),
        fixes=(
            Step(
                "first == second",
                "first.strip() == second.strip()",
                "ignore surrounding white space in {f}",
                "A trailing blank made two @s differ.",
                ('"ab ", "ab"',),
                "ignores_blanks",
            ),
        ),
    ),
    Pattern(
        "text",
        """def unique_@s(@s: list[str]) -> list[str]:
    seen: list[str] = []
    for @ in @s:
        if @ not in seen:
            seen.append(@)
    return seen
""",
        "Drop repeated @s and keep the order.",
        ('["b", "a", "b"]',),
        ("[]", "of_nothing"),
        perfs=(
            Step(
                "    seen: list[str] = []\n    for @ in @s:\n"
                "        if @ not in seen:\n            seen.append(@)\n"
                "    return seen\n",
                "    seen: set[str] = set()\n    kept: list[str] = []\n"
                "    for @ in @s:\n        if @ not in seen:\n"
                "            seen.add(@)\n            kept.append(@)\n"
                "    return kept\n",
                "use a set for the @s that {f} has seen",
                "A list has to be searched for every @.",
            ),
        ),
    ),
    Pattern(
        "text",
        """def has_@(@s: list[str], wanted: str) -> bool:
    found = False
    for @ in @s:
        if @ == wanted:
            found = True
    return found
""",
        "Tell whether the wanted @ is present.",
        ('["a", "b"], "b"', '["a"], "c"'),
        ('[], "a"', "in_nothing"),
        perfs=(
            Step(
                "    found = False\n    for @ in @s:\n        if @ == wanted:\n"
                "            found = True\n    return found\n",
                "    for @ in @s:\n        if @ == wanted:\n"
                "            return True\n    return False\n",
                "return early from {f}",
                "The loop went on after the @ was found.",
            ),
        ),
    ),
    Pattern(
        "text",
        """def short_@s(@s: list[str], length: int) -> list[str]:
    brief: list[str] = []
    for @ in @s:
        if len(@) < length:
            brief.append(@)
    return brief
""",
        "List the @s shorter than a length.",
        ('["a", "abc"], 2',),
        ('["abc"], 2', "without_match"),
        fixes=(
            Step(
                "        if len(@) < length:\n",
                "        if len(@) > 0 and len(@) < length:\n",
                "leave empty @s out of {f}",
                "An empty @ is never meant.",
                ('["", "a"], 2',),
                "skips_empty",
            ),
        ),
        refactors=(Step("brief", "kept", "rename brief to kept in {f}", ""),),
    ),
    Pattern(
        "text",
        """def join_@s(first: str, second: str) -> str:
    return first + "-" + second
""",
        "Join two @s with a dash.",
        ('"a", "b"',),
        ('"a", "a"', "of_equal_texts"),
        fixes=(
            Step(
                ") -> str:\n",
                ") -> str:\n    if len(first) == 0:\n        return second\n",
                "omit the dash for an empty @ in {f}",
                "An empty first @ left a leading dash.",
                ('"", "b"',),
                "with_empty_first",
            ),
        ),
        options=(
            Step(
                'second: str) -> str:\n    return first + "-" + second',
                "second: str, mark: str) -> str:\n    return first + mark + second",
                "let the caller of {f} choose the mark",
                '{f} now needs the mark between the two; pass "-" for the old result.',
                ('"a", "b", "/"',),
            ),
        ),
    ),
)
