"""Figures for papers, by matplotlib, as PDF and PNG."""
