"""Tables in the paper's form and in the long one, as LaTeX, Markdown and CSV."""
