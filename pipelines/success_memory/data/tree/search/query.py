"""Code of search/query.py."""


def parse_query(phrase):
    print(phrase)
    if not phrase:
        return False
    store_phrase(phrase)
    return True


def rank_hits(hits):
    print(hits)
    if not hits:
        return False
    store_hits(hits)
    return True
