"""What happens to media: the flow, sniffing, decoding, rendering, encoding and the store."""
