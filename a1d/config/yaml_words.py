"""What the YAML parser found wrong, for somebody who does not know its words. Only imported if it found something."""

from __future__ import annotations

import re

# The parser's words for a problem, and ours; the first that fits.
_WORDS = [
    (r"'\\t'", "a tab: indent with spaces, not tabs"),
    (
        r"expected <block end>|expected '<document start>'",
        "it does not fit the lines above it: settings of one section start in the same column, below a line such as "
        "'fan:' (is that one still a comment?)",
    ),
    (
        r"mapping values are not allowed",
        "a ':' too many: is the line above it a key without its ':', or is this text in need of quotes?",
    ),
    (r"could not find expected ':'", "a key needs a ':' and a blank behind it, such as 'hold: 1m'"),
    (r"expected ',' or '}'", "a '{' that is not closed, or a ',' that is missing in it"),
    (r"expected ',' or '\]'", "a '[' that is not closed, or a ',' that is missing in it"),
    (r"unexpected end of stream|unexpected document separator", "a quote that is not closed"),
    (
        r"unknown escape|expected escape sequence",
        "a \\ within \"...\": it begins an escape there; write '...' instead, or \\\\",
    ),
    (r"sequence entries are not allowed", "a '-' here: a list's entries stand on lines of their own, below its key"),
    (r"expected the node content", "a value is missing before this"),
    (r"cannot start any token", "a value cannot begin with this character: put it in quotes"),
    (r"block scalar|indentation indicator|chomping", "text after a '|' or '>': write the value on one line instead"),
    (r"a tag", "tags (!) are not accepted; put the text in quotes"),
    (r"directive|alphabetic or numeric|YAML document|'%'|tag handle", "a line that begins with %: a1d needs none"),
    (r"invalid or unescaped|special characters|surrogate|UTF-8", "a control character: delete it, or type it anew"),
]


def in_plain_words(problem: str) -> str:
    """A sentence for what the parser calls ``problem``."""
    for pattern, words in _WORDS:
        if re.search(pattern, problem):
            return words
    return "it cannot be understood from here on; compare it with what a1d --print-config prints"
