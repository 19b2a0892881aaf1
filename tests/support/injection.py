"""Five hundred texts that try to be more than text: wherever a console shows what others wrote, they must stay text.

What works would call C{alert}, ask for C{/injected}, or show 49 where it was given C{7*7}.
"""

from __future__ import annotations

from itertools import product

_HOOK = "alert('injected')"
_BREAKOUTS = (
    "",
    '">',
    "'>",
    "-->",
    "</title>",
    "</pre></div>",
    "</script>",
    "</style>",
    "</textarea>",
    "]]>",
    "\x00<b>",
)
_MARKUP = (
    f"<script>{_HOOK}</script>",
    "<script src=/injected></script>",
    f"<img src=x onerror={_HOOK}>",
    f"<svg onload={_HOOK}>",
    f"<svg><script>{_HOOK}</script></svg>",
    f"<math><mtext><style><img src onerror={_HOOK}></style></mtext></math>",
    f'<iframe srcdoc="<script>parent.{_HOOK}</script>"></iframe>',
    "<iframe src=/injected></iframe>",
    f"<details open ontoggle={_HOOK}><summary>x</summary></details>",
    f"<input autofocus onfocus={_HOOK}>",
    f"<video><source onerror={_HOOK}></video>",
    f"<body onload={_HOOK}>",
    f"<a href=javascript:{_HOOK}>x</a>",
    "<form action=/injected><button>Cancel</button></form>",
    "<meta http-equiv=refresh content='0;url=/injected'>",
    "<base href=/injected/>",
    "<link rel=stylesheet href=/injected>",
    "<style>@import '/injected'; * { display: none }</style>",
    "<object data=/injected></object>",
    "<div hx-get=/injected hx-trigger=load></div>",
    f'<div hx-on::load="{_HOOK}" hx-trigger="load[{_HOOK}]"></div>',
    "<div hx-ext=sse sse-connect=/injected></div>",
    "<template><script>1</script></template><table><tr><td>",
)
_QUOTES = ('"', "'", "`", "", " ", "&quot;", "&#39;")
_ATTRIBUTES = (
    f"onmouseover={_HOOK} x=",
    f"autofocus onfocus={_HOOK} x=",
    f"style=animation-name:x onanimationstart={_HOOK} x=",
    "hx-get=/injected hx-trigger=load x=",
    "style=background:url(/injected) x=",
)
_ESCAPES = (
    "\x1b[31m",
    "\x1b[1;4;38;5;9m",
    "\x1b[38;2;999;-1;<b>m",
    "\x1b[",
    "\x1b]0;",
    "\x1bP",
    "\x9b31m",
    "\x1b[2K\r",
    "\b\b\b",
)
_LINKS = (
    f"javascript:{_HOOK}",
    f"JaVaScRiPt:{_HOOK}",
    f"java\tscript:{_HOOK}",
    f"data:text/html,<script>{_HOOK}</script>",
    f"vbscript:{_HOOK}",
    "file:///etc/passwd",
    "//injected.invalid/",
    f'https://x.invalid/" onmouseover="{_HOOK}',
    "https://x.invalid/'><script src=/injected></script>",
    "http://x.invalid/\n<img src=/injected>",
)
_LINK_ENDS = ("\x1b\\", "\x07", "")
_TEMPLATES = (
    "{{7*7}}",
    "{{ 7 * 7 }}",
    "{% print(7*7) %}",
    "{% raw %}{{7*7}}",
    "{# x #}{{7*7}}{#",
    "{{ ''.__class__.__mro__ }}",
    "{{ config }}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "*{7*7}",
    "{{= 7*7 }}",
    "@(7*7)",
    "{{constructor.constructor('alert(1)')()}}",
    "%(x)s %s %n {0} {x}",
    "$(touch /tmp/injected)`id`",
)
_TEXTS = (
    "javascript:alert('injected')",
    "../../../../etc/passwd",
    "/injected",
    "?state=failed&x=<b>",
    "#L1-L20",
    "%3Cscript%3Ealert('injected')%3C/script%3E",
    "&lt;script&gt;alert('injected')&lt;/script&gt;",
    "&#60;script&#62;",
    "x\r\nSet-Cookie: injected=1",
    "x\r\nContent-Type: text/html\r\n\r\n<script src=/injected></script>",
    "id: 1\ndata: <script src=/injected></script>\n\n",
    "\u202egnp.exe",
    "\u2066\u2067left\u2069",
    "\u2028\u2029",
    "\ufeff\u200b\u200d",
    "Z\u0334\u0322a\u0335\u0321l\u0336\u0323g\u0337\u0324o",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "'; DROP TABLE plans; --",
    '" OR 1=1 --',
    "NULL",
    "None",
    "x" * 3000,
    "x " * 1500,
    "",
    " ",
    "\t\n",
    "\x00",
    "\x01\x02\x7f\x85",
)


def corpus() -> list[str]:
    """All of them, each different from the others."""
    kinds = (
        [before + markup for before, markup in product(_BREAKOUTS, _MARKUP)],
        [f"{quote} {attribute}{quote}" for quote, attribute in product(_QUOTES, _ATTRIBUTES)],
        [escape + markup for escape, markup in product(_ESCAPES, _MARKUP[:15])],
        [f"\x1b]8;;{link}{end}text\x1b]8;;{end}" for link, end in product(_LINKS, _LINK_ENDS)],
        [before + template for before, template in product(("", "\x1b[1m"), _TEMPLATES)],
        _TEXTS,
    )
    return list(dict.fromkeys(text for kind in kinds for text in kind))
