"""A test over many draws: as a test for each of them, it would take far longer."""


def for_seeds(count):
    """Return a decorator that runs a test with each seed below a count in turn.

    An error names its seed.
    """

    def decorate(test):
        def run():
            for seed in range(count):
                try:
                    test(seed)
                except Exception as error:
                    error.add_note(f"with the seed {seed}")
                    raise

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate
