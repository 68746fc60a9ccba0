"""Hostile HTML, and a judge of what is left of it."""

import re
from html.parser import HTMLParser

HOSTILE_HTML = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<script/x>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src='x' onerror\n=\nalert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src=`javascript:alert(1)`>",
    '<img """><script>alert(1)</script>">',
    "<body onload=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x></svg>",
    '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
    (
        '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1'
        ' onerror=alert(1)&gt;">'
    ),
    "<math href='javascript:alert(1)'>a</math>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<object data='javascript:alert(1)'></object>",
    "<embed src='javascript:alert(1)'>",
    "<a href='javascript:alert(1)'>a</a>",
    "<a href='&#106;avascript:alert(1)'>a</a>",
    "<a href='java\nscript:alert(1)'>a</a>",
    "<a href='\x01javascript:alert(1)'>a</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>a</a>",
    "<a href='vbscript:msgbox(1)'>a</a>",
    "<a href='{{ x }}'>a</a>",
    "<a href='{% if x %}javascript{% endif %}:alert(1)'>a</a>",
    "<form action='javascript:alert(1)'><button>a</button></form>",
    "<button formaction='javascript:alert(1)'>a</button>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>a</marquee>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href='javascript:alert(1)'>",
    "<base href='javascript:alert(1)//'>",
    "<style>@import 'javascript:alert(1)';</style>",
    "<p style='background:url(javascript:alert(1))'>a</p>",
    "<p style='width:expression(alert(1))'>a</p>",
    "<p style='-moz-binding:url(x)'>a</p>",
    "<p style='background:\\75rl(javascript:x)'>a</p>",
    "<p data-cke-pa-onclick='alert(1)'>a</p>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    '<textarea><img title="</textarea><img src=x onerror=alert(1)>">',
    '<title><img title="</title><img src=x onerror=alert(1)>">',
    "<template><script>alert(1)</script></template>",
    '<xmp><p title="</xmp><img src=x onerror=alert(1)>">',
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!-- --!><img src=x onerror=alert(1)> -->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml version='1.0'?><img src=x onerror=alert(1)>",
    "{{\n<script>alert(1)</script>\n}}",
    "{% comment %}{% verbatim %}{% endcomment %}<script>alert(1)</script>",
    "{# <!-- #}<script>alert(1)</script>{# --> #}",
    "<p title='{% if no %}'>{% endif %}' onmouseover='alert(1)'>a</p>",
    '<p title="<!--"><script>alert(1)</script>--><p title="">',
    "<table><td background='javascript:alert(1)'>a</td></table>",
    "<p lang='<script>alert(1)</script>'>a</p>",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
    "<p>{{ x }}</p>",
    "<p title='{{ x }}'>a</p>",
    "<p title={{ x }}>a</p>",
    "<p {{ x }}>a</p>",
    "<{{ x }}>a",
    "<!-- {{ x }} -->",
    "{% firstof y '\" onmouseover=alert(1) a=\"' %}",
    "<p title=\"{% firstof y '&quot; onclick=alert(1) ' %}\">a</p>",
    "{% if x %}<script>{% endif %}alert(1)</script>",
    "<scr{% if x %}ipt{% endif %}>alert(1)</script>",
    "<scr{# #}ipt>alert(1)</scr{# #}ipt>",
    "<img src=x one{# #}rror=alert(1)>",
    "<a href='java{% comment %}{% endcomment %}script:alert(1)'>a</a>",
    "<a href='{% firstof y \"javascript:alert(1)\" %}'>a</a>",
    "<a href='https://{{ x }}'>a</a>",
    "<img src='https://evil.example{% if x %}/{% endif %}{{ x }}' onerror=alert(1)>",
    "{% if x %}<p title='{% else %}<p title=\"{% endif %} onclick=alert(1) '>a</p>",
    "<table>{% if x %}<tr><td onclick=alert(1)>a</td></tr>{% endif %}</table>",
    "<!--[if mso]>{{ x }}<![endif]-->",
    "<!--[if !mso]><!--><script>alert(1)</script><!--<![endif]-->",
    "<![if !mso]><script>alert(1)</script><![endif]>",
    "<style>{{ x }}</style>",
    "<p style='background:url({{ x }})'>a</p>",
    "<p style='{% if x %}background:url(javascript:alert(1)){% endif %}'>a</p>",
    "<svg><use href='data:image/svg+xml,<svg onload=alert(1)>'/></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>a</text></a></svg>",
    "<select><style></select><img src=x onerror=alert(1)></style>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=alert(1)>",
    "<div id=x style='animation-name:x' onanimationstart=alert(1)>a</div>",
]
# Literals would print as they are: the language refuses these whole.
HOSTILE_LITERALS = [
    "{{ x|default:'<img src=x onerror=alert(1)>' }}",
    '{{ x|default:"<script>alert(1)</script>" }}',
    "{% firstof y '<script>alert(1)</script>' %}",
]
# What a variable may hold: it is the recipient's own name, as they typed it.
HOSTILE_VALUE = (
    "\"'><script>alert(1)</script><img src=x onerror=alert(1)> onmouseover=alert(1) "
    "javascript:alert(1) {{ y }} {% load x %} --> <![endif]-->"
)

_ACTIVE_ELEMENTS = frozenset(
    {
        "script",
        "style",
        "iframe",
        "object",
        "embed",
        "applet",
        "form",
        "input",
        "button",
        "svg",
        "math",
        "meta",
        "link",
        "base",
        "video",
        "audio",
        "textarea",
        "template",
        "noscript",
    }
)
_ACTIVE_URL = re.compile(r"^[\x00-\x20]*(javascript|vbscript|data):", re.IGNORECASE)
_ACTIVE_VALUES = {
    "href": _ACTIVE_URL,
    "src": _ACTIVE_URL,
    "background": _ACTIVE_URL,
    "style": re.compile(r"expression|javascript|binding|\\", re.IGNORECASE),
}


class _Judge(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ACTIVE_ELEMENTS:
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith(("on", "data-")) or name in {"srcdoc", "formaction"}:
                self.found.append(name)
            elif pattern := _ACTIVE_VALUES.get(name):
                self.found += [f"{name}={value}"] if pattern.search(value or "") else []

    def handle_comment(self, data: str) -> None:
        self.feed_comment(re.sub(r"^\[if[^\]]*\]>|<!\[endif\]$", "", data))

    def feed_comment(self, body: str) -> None:
        """Judge what Outlook would read of a comment."""
        judge = _Judge()
        judge.feed(body)
        self.found += judge.found


def active_content(html: str) -> list[str]:
    """Return the elements and attributes that could run something, empty for harmless HTML."""
    judge = _Judge()
    judge.feed(html)
    judge.close()
    return judge.found
