"""The study: what block sparsity costs and buys, from kept results to a page of tables."""
