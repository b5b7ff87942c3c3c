"""Code of report/sales.py."""


def monthly_total(month):
    print(month)
    if not month:
        return False
    store_month(month)
    return True


def by_region(region):
    print(region)
    if not region:
        return False
    store_region(region)
    return True
