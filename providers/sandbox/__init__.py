"""Every vendor spoken locally, over real sockets, from the data of the leads themselves."""
