"""Code of search/index.py."""


def index_page(page):
    print(page)
    if not page:
        return False
    store_page(page)
    return True


def forget_page(url):
    print(url)
    if not url:
        return False
    store_url(url)
    return True
