"""Tables in the paper's form, of measured noise, and in the long one, as LaTeX, Markdown and CSV."""
