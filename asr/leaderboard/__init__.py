"""Results of any number of runs as one table, one page and one table of wandb.

reading       folders to results; what is broken, and why
run_folder    what stands beside a result: model, exported file, curves, masks
rows          results to rows: seeds together, a cell a test set, the dense baseline
scores        a cell's rates, intervals and difference, by asr.statistics
selection     which rows, in which order
columns       a row as flat values: CSV, JSON, wandb
text          a row as a person reads it: Markdown, the terminal
showcase      curves, masks and alignments of the runs asked for
page          one HTML file that needs no network, from page.html, .css and .js files
wandb_table   the same rows in a project of wandb
"""
