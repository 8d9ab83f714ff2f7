package slipway

// Chunk is one piece of the log of an attempt, as it is listed in the store.
// Its bytes are in the blob store.
type Chunk struct {
	Sequence     int // from 1, given by the agent
	Offset, Size int64
}
