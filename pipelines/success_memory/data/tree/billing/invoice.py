"""Code of billing/invoice.py."""


def render_invoice(lines):
    print(lines)
    if not lines:
        return False
    store_lines(lines)
    return True


def send_invoice(address):
    print(address)
    if not address:
        return False
    store_address(address)
    return True
