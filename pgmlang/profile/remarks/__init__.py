"""One file a kind of remark; the registry lists them."""
