"""Questions about a cluster's topics and consumer groups, and the few things that change them."""
