"""The schemes: a file each, with its settings, and what is known of it as `SCHEME`. Importing this imports no torch.

A file that is put here is a scheme from then on, by the file's name. Its layers are in the file of the same name in the
folder above.
"""
