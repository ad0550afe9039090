"""Take out what a web page left in a text: its tags, comments and character entities.

A page's remains are few and well known, so only these are touched: the tags of running text
and tables, comments, whole scripts and style sheets, and entities that the HTML standard
names and that end in a semicolon. All else stays as it was typed: `I <3 you`, `a < b`, `R&D`,
`<grin>`, and the marks of chat templates such as `<|im_end|>`, `[INST]`, `<s>` and `</s>`,
which must train as plain text. Does not repair a page that is broken in the middle of a tag.

Shape: text -> text without markup; blocks and rows become lines.
"""

import html
import re

_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=]+))*"""
_BREAKS = "br|hr"
_BLOCKS = (
    "p|div|h[1-6]|ul|ol|li|dl|dt|dd|blockquote|pre|table|thead|tbody|tfoot|tr|td|th|caption|"
    "section|article|header|footer|main|aside|figure|figcaption|form|html|head|body"
)
_INLINE = "span|strong|em|font|small|sup|sub|code|del|ins|mark|center|label|button|tt|big|abbr"
# One letter may be anything (a<b>c); these are tags only where they are closed again.
_LETTERS = "a|b|i|u"
_ALONE = "img|meta|link|input|wbr|base|source"

_UNSEEN = re.compile(
    r"<!--.*?-->|<!doctype[^<>]*>|<(script|style|title)" + _ATTRIBUTES + r"\s*>.*?</\1\s*>",
    re.I | re.S,
)
_BREAK = re.compile(rf"[^\S\n]*</?(?:{_BREAKS}){_ATTRIBUTES}\s*/?>[^\S\n]*", re.I)
_BLOCK = re.compile(rf"</?(?:{_BLOCKS}){_ATTRIBUTES}\s*/?>", re.I)
_WITHIN = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}\s*/?>|<(?:{_ALONE}){_ATTRIBUTES}\s*/?>", re.I)
_PAIR = re.compile(rf"<({_LETTERS}){_ATTRIBUTES}\s*>(.*?)</\1\s*>", re.I | re.S)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def strip_markup(text: str) -> str:
    r"""Take tags and entities out of one text.

    Args:
        text: as typed or pasted.

    Returns:
        The text that a browser would have shown, and every other character as it was.

    >>> strip_markup("<p>One &amp; two</p>I <3 <b>R&D</b>, a < b, <|im_end|> </s> [INST]")
    '\n\nOne & two\n\nI <3 R&D, a < b, <|im_end|> </s> [INST]'
    """
    if "<" in text:
        text = _UNSEEN.sub(" ", text)
        text = _BREAK.sub("\n", text)
        text = _BLOCK.sub("\n\n", text)
        text = _WITHIN.sub("", text)
        text = _PAIR.sub(r"\2", text)
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text) if "&" in text else text
