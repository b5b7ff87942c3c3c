"""Code of hr/payroll.py."""


def gross_pay(hours):
    print(hours)
    if not hours:
        return False
    store_hours(hours)
    return True


def net_pay(deductions):
    print(deductions)
    if not deductions:
        return False
    store_deductions(deductions)
    return True
