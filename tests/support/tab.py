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


class Tab:
    """A page of its own context, and all that it asked for or complained of."""

    def __init__(self, browser, path, width=1280, scheme="light"):
        self.path = path
        self.requests, self.errors, self.dialogs = [], [], []
        self.page = browser.new_page(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        self.page.on("request", lambda request: self.requests.append(request.url))
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
