"""Words and colours that numbers and page share."""
