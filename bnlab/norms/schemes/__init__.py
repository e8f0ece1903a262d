"""The schemes' settings and what is known of them (`SCHEME`), a file each. Importing this does not import torch.

A file that is put here is found by its name. The scheme's layers are in the file of the same name in the folder above.
"""
