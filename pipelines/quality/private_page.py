"""What the renderers of Great Expectations draw, as a page that is complete by itself and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from html.parser import HTMLParser

STYLE = """
:root { color-scheme: light dark; --line: #8888; --soft: #8882; --good: #0a6b35; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --good: #6fd19a; --bad: #ff9d95; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; }
h5, h6 { font-size: 1.1rem; margin: 0; }
.alert { border-left: .3rem solid var(--line); background: var(--soft); padding: .5rem .8rem; margin: 1rem 0 .3rem; }
.table-responsive, .ge-section { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
.text-success { color: var(--good); font-style: normal; }
.text-danger { color: var(--bad); font-style: normal; }
.text-success::before { content: "\\2713\\a0 kept"; }
.text-danger::before { content: "\\2717\\a0 broken"; }
"""
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
TEXT_TAGS = frozenset({"a", "br", "div", "h5", "h6", "i", "li", "p", "span", "strong", "ul"})
TAGS = TEXT_TAGS | {"table", "tbody", "td", "th", "thead", "tr"}
EMPTY_TAGS = frozenset({"br"})
ATTRIBUTES = frozenset({"class", "hidden", "id"})
NEIGHBOUR = re.compile(r"[a-z0-9_]+\.html|#[\w-]+")
SILENT_TAGS = frozenset({"script", "style"})


def draw_page(title: str, body: str) -> str:
    """A whole page around what a renderer drew, of which only plain elements and links to neighbours are kept."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return PAGE.format(
        policy=POLICY.format(digest=digest), title=html.escape(title), style=STYLE, body=keep_plain(body)
    )


def keep_plain(body: str) -> str:
    """HTML without anything that could load, run or send: elements, attributes and links are allowed by name."""
    plain = _PlainElements()
    plain.feed(body)
    plain.close()
    return "".join(plain.kept)


class _PlainElements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in SILENT_TAGS
        if tag in TAGS:
            self.kept.append(f"<{tag}{''.join(_keep_attributes(attrs))}>")

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in SILENT_TAGS and self.silent > 0
        if tag in TAGS - EMPTY_TAGS:
            self.kept.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.kept.append(html.escape(data if data.strip() else " "))


def _keep_attributes(attributes: Iterable[tuple[str, str | None]]) -> Iterable[str]:
    for name, value in attributes:
        if name in ATTRIBUTES or (name == "href" and NEIGHBOUR.fullmatch(value or "")):
            yield f' {name}="{html.escape(value or "")}"'
