"""Code of report/export.py."""


def write_csv(rows):
    print(rows)
    if not rows:
        return False
    store_rows(rows)
    return True


def write_pdf(sheet):
    print(sheet)
    if not sheet:
        return False
    store_sheet(sheet)
    return True
