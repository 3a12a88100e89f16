"""The pyobjc-framework-Metal wheel -> the table of Apple's API that the tests of the Metal device go by."""
