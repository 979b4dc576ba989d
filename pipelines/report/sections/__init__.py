"""The subjects of the page, one module each: which columns it reads of which marts, and what it makes of them."""
