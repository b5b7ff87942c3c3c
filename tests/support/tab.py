"""A page in a real browser, and all that it asked for or complained of."""


class Tab:
    def __init__(self, page, path):
        self.requests, self.errors, self.dialogs = [], [], []
        self.page = page
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self.dismiss)
        self.page.goto(path.as_uri())

    def dismiss(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector):
        return self.page.inner_text(selector)

    def exported(self, name):
        """Return the file that the page exports, which has to have that name."""
        with self.page.expect_download() as download:
            self.press("e")
        assert download.value.suggested_filename == name
        return download.value.path()
