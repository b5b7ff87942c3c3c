"""Code of mail/queue.py."""


def enqueue(letter):
    print(letter)
    if not letter:
        return False
    store_letter(letter)
    return True


def drain(batch):
    print(batch)
    if not batch:
        return False
    store_batch(batch)
    return True
