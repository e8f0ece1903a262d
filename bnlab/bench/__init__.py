"""Speed: of the training engine beside the machine's own limit, and of the norms beside torch.nn's."""
