"""Words of page text and instructions: split, folded, stemmed; typos by letter trigrams."""

import re
import unicodedata
from functools import lru_cache

_SPLIT = re.compile(
    r"[A-Z]?[a-zà-öø-ÿ]+(?=[A-Z])"  # the "first" of "firstName"
    r"|\d+"
    r"|[぀-ヿ一-鿿]"  # Chinese and Japanese are written without spaces: letter by letter
    r"|[^\W\d_]+"
)
_ENDINGS = (
    ("ies", "y"),
    ("ied", "y"),
    ("ings", ""),
    ("ing", ""),
    ("edly", ""),
    ("ed", ""),
    ("ers", "er"),
    ("es", ""),
    ("ly", ""),
    ("s", ""),
)
_LAST_LETTERS = frozenset(ending[-1] for ending, _ in _ENDINGS)

STOP = frozenset(
    """a an and any are as at be been but by can could did do does for from get give go had has have
    here how i i'm if in into is it its just let like me my of on one only onto or our out please
    put see set show so some take tell than that the their them then there these they thing this
    those to up us use want was we what when where which who will with would you your s m d ll
    """.split()
)
"""Words that say little about the element meant."""


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """Return the words of `text`: lower case, accents removed, camelCase and digits split."""
    # No word spans white space, and what stands between it comes again in text after text.
    found: list[str] = []
    for piece in text[:2000].split():
        found += _words_of_piece(piece)
    return tuple(found)


@lru_cache(maxsize=65536)
def _words_of_piece(piece: str) -> tuple[str, ...]:
    if piece.isascii():
        # Most pieces are one word, and need no regular expression.
        if piece.isalpha() and (piece.islower() or piece.istitle() or piece.isupper()):
            return (piece.lower(),)
    else:
        folded = unicodedata.normalize("NFKD", piece)
        piece = "".join([c for c in folded if c < "\x80" or not unicodedata.combining(c)])
    return tuple(map(str.lower, _SPLIT.findall(piece)))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a crude English stem: plural and verb endings cut, a doubled last letter undone."""
    if len(word) <= 3 or not word.isascii():
        return word
    for ending, instead in _ENDINGS if word[-1] in _LAST_LETTERS else ():
        if word.endswith(ending) and len(word) - len(ending) + len(instead) >= 3:
            if ending == "s" and word.endswith("ss"):
                break
            word = word[: len(word) - len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousl":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word


@lru_cache(maxsize=65536)
def stems(text: str) -> tuple[str, ...]:
    """Return the stems of the words of `text`, in order."""
    return tuple(map(stem, words(text)))


@lru_cache(maxsize=32768)
def trigrams(word: str) -> frozenset[str]:
    """Return the letter trigrams of a word, its ends marked."""
    marked = f"^{word}$"
    return frozenset(marked[i : i + 3] for i in range(len(marked) - 2))


@lru_cache(maxsize=65536)
def likeness(a: str, b: str) -> float:
    """Return how alike two words are, in [0, 1]: swapped, missing or doubled letters cost little.

    The larger of the trigrams' Dice coefficient and the share of letters that a match in order
    keeps (longest common subsequence), for words of four letters and more.
    """
    if a == b:
        return 1.0
    shorter = min(len(a), len(b))
    if shorter < 4 or abs(len(a) - len(b)) > 3:
        return 0.0
    x, y = trigrams(a), trigrams(b)
    dice = 2 * len(x & y) / (len(x) + len(y))
    if dice < 0.15 and a[0] != b[0]:
        return dice
    return max(dice, 2 * _common(a, b) / (len(a) + len(b)) - 0.1)


def _common(a: str, b: str) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for letter in a:
        above_left = 0
        for j, other in enumerate(b, start=1):
            above = row[j]
            row[j] = above_left + 1 if letter == other else max(above, row[j - 1])
            above_left = above
    return row[-1]
