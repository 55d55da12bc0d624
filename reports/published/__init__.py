"""What others published: the paper's tables and what it leaves open, and the field's figures."""
