"""Pages in a browser, and what no page may do."""

import pytest

from tests.support.tab import Tab


@pytest.fixture
def open_page(browser):
    """A function that opens a file; at the end it has asked for nothing else."""
    tabs = []

    def open_page(path, **options):
        tabs.append(Tab(browser, path, **options))
        return tabs[-1]

    yield open_page
    for tab in tabs:
        assert (tab.errors, tab.dialogs) == ([], [])
        assert [url for url in tab.requests if not url.startswith("file:")] == []
        tab.page.close()
