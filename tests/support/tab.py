"""A page in a real browser, and texts that would run something if they were markup."""

ATTACKS = (
    "</script><script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "\"><svg onload='window.ran = 1'>",
    "<!--<script>",
    "${window.ran = 1} {title} %s $about",
    "]]></style><iframe src='javascript:top.ran = 1'></iframe>",
    "<a href='javascript:window.ran=1' accesskey=a autofocus>__proto__</a>",
    "</option></select><input onfocus='window.ran = 1' autofocus>",
    "</textarea><math><mtext><style><img src onerror='window.ran = 1'>",
    "<base href='https://evil.example/'><link rel=stylesheet href='//evil.example'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
)
EVIL = " ".join(ATTACKS)

CONTRAST = """() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    const unit = text.startsWith("color(srgb") ? 255 : 1;
    return [unit * r, unit * g, unit * b, a];
  };
  const over = (top, below) =>
    [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const canvas = dark ? [18, 18, 18, 1] : [255, 255, 255, 1];
  const low = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const own = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !own.checkVisibility() ||
      own.closest("script, button:disabled, option")) continue;
    const chain = [];
    for (let each = own; each; each = each.parentElement) chain.push(each);
    let ground = canvas, faded = 1;
    for (const each of chain.reverse()) {
      const style = getComputedStyle(each);
      ground = over(parse(style.backgroundColor), ground);
      faded *= Number(style.opacity);
    }
    const ink = parse(getComputedStyle(own).color);
    const seen = over([...ink.slice(0, 3), ink[3] * faded], ground);
    const [a, b] = [light(seen), light(ground)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push([ratio.toFixed(2), own.className || own.tagName,
      walk.currentNode.data.slice(0, 30)].join(" "));
  }
  return [...new Set(low)].slice(0, 10);
}"""


class Tab:
    """A page of its own context, and all that it asked for or complained of."""

    def __init__(self, browser, path, width=1280, scheme="light"):
        self.path = path
        self.requests, self.failed = [], []
        self.errors, self.dialogs = [], []
        self.page = browser.new_page(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.failed.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self.dismiss)
        self.page.goto(path.as_uri())

    def dismiss(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def lose_store(self):
        """Show the page as about:blank, which has no localStorage."""
        self.page.goto("about:blank")
        self.page.set_content(self.path.read_text(encoding="utf-8"))

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector):
        return self.page.inner_text(selector)

    def texts(self, selector):
        return self.page.locator(selector).all_inner_texts()

    def choose(self, selector, value):
        self.page.select_option(selector, value)

    def export(self):
        """Return the path of the votes that the page exports."""
        with self.page.expect_download() as download:
            self.press("e")
        assert download.value.suggested_filename == "votes.json"
        return download.value.path()
