from diffscribe.core.errors import DiffscribeError, SourceError, printable


def test_an_error_cannot_drive_a_terminal():
    error = SourceError("/x/\x1b]0;owned\x07\n\u202e\x9b31m: größe 日本 🎉 is missing")
    assert isinstance(error, DiffscribeError)
    assert str(error) == (
        "/x/\\x1b]0;owned\\x07\\n\\u202e\\x9b31m: größe 日本 🎉 is missing"
    )


def test_bytes_of_a_name_that_is_no_text_are_shown():
    assert printable("caf\udce9") == "caf\\udce9"
