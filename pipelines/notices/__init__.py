"""Messages to members and recipients: what they say, and who carries them."""
