package collective

// SetPieceBytes makes messages travel in pieces of n bytes.
func SetPieceBytes(n int) { pieceBytes = n }
