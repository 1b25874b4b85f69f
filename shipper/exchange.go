package shipper

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The errors of an exchange. ErrTaking and ErrGone are the other node's answers: ask again a little later, and ask for an offer.
var (
	// ErrExchange says that bytes are not what FORMAT.md says of an exchange, or beyond its limits.
	ErrExchange = errors.New("malformed exchange about a snapshot")
	// ErrTaking says that a snapshot is being taken.
	ErrTaking = errors.New("the snapshot is being taken")
	// ErrGone says that the other node does not have that snapshot any more.
	ErrGone = errors.New("the snapshot is not there any more")
	// ErrUnable says that the other node cannot give what was asked for: what follows are its words.
	ErrUnable = errors.New("the other node cannot give a snapshot")
)

// What is asked for.
const (
	askOffer byte = 1 // the manifest of the newest snapshot
	askRead  byte = 2 // a piece of a file
)

// How an answer begins.
const (
	answerHere   byte = 0
	answerTaking byte = 1
	answerGone   byte = 2
	answerUnable byte = 3
)

// The sizes of an exchange.
const (
	exchangeVersion = 1
	pieceSize       = 256 << 10 // that a reader asks for at a time
	maxPiece        = 4 << 20   // that it may ask for
	offerSize       = 14
	readSize        = 38
	answerHead      = 2
	maxWords        = 1 << 10
)

// request is what one node asks of another (FORMAT.md).
type request struct {
	kind      byte
	partition int
	above     uint64     // offer: a snapshot below this sequence is of no use
	id        SnapshotID // read
	file      int
	offset    int64
	length    int
}

func (r *request) encode() []byte {
	b := append(make([]byte, 0, readSize), exchangeVersion, r.kind)
	b = binary.BigEndian.AppendUint32(b, uint32(r.partition))
	if r.kind == askOffer {
		return binary.BigEndian.AppendUint64(b, r.above)
	}
	b = append(b, r.id[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(r.file))
	b = binary.BigEndian.AppendUint64(b, uint64(r.offset))
	return binary.BigEndian.AppendUint32(b, uint32(r.length))
}

func decodeRequest(data []byte) (r request, err error) {
	if len(data) < offerSize || data[0] != exchangeVersion {
		return r, fmt.Errorf("%w: %d bytes", ErrExchange, len(data))
	}
	r.kind, r.partition = data[1], int(binary.BigEndian.Uint32(data[2:]))
	switch {
	case r.partition >= maxPartitions:
	case r.kind == askOffer && len(data) == offerSize:
		r.above = binary.BigEndian.Uint64(data[6:])
		return r, nil
	case r.kind == askRead && len(data) == readSize:
		copy(r.id[:], data[6:])
		r.file, r.offset = int(binary.BigEndian.Uint32(data[22:])), int64(binary.BigEndian.Uint64(data[26:]))
		r.length = int(binary.BigEndian.Uint32(data[34:]))
		if r.offset >= 0 && r.length > 0 && r.length <= maxPiece && r.file < maxFiles {
			return r, nil
		}
	}
	return request{}, fmt.Errorf("%w: kind %d, partition %d, %d bytes", ErrExchange, r.kind, r.partition, len(data))
}

// appendAnswer appends an answer to buf: body, or why there is none.
func appendAnswer(buf, body []byte, err error) []byte {
	status := answerHere
	switch {
	case errors.Is(err, ErrTaking):
		status, body = answerTaking, nil
	case errors.Is(err, ErrGone):
		status, body = answerGone, nil
	case err != nil:
		words := err.Error()
		status, body = answerUnable, []byte(words[:min(len(words), maxWords)])
	}
	return append(append(buf, exchangeVersion, status), body...)
}

// decodeAnswer returns what was asked for, as a part of data, or why it was not given.
func decodeAnswer(data []byte) ([]byte, error) {
	if len(data) < answerHead || data[0] != exchangeVersion {
		return nil, fmt.Errorf("%w: an answer of %d bytes", ErrExchange, len(data))
	}
	body := data[answerHead:]
	switch data[1] {
	case answerHere:
		return body, nil
	case answerTaking:
		return nil, ErrTaking
	case answerGone:
		return nil, ErrGone
	case answerUnable:
		return nil, fmt.Errorf("%w: %.200q", ErrUnable, body[:min(len(body), maxWords)])
	}
	return nil, fmt.Errorf("%w: answer %d", ErrExchange, data[1])
}
