// Package slot maps a key to its hash slot, as Redis Cluster does.
//
// It promises the mapping of the Redis Cluster specification: CRC16 (XMODEM) of the key, or of the
// part between the first '{' and the next '}' when that part is not empty, modulo 16384. It never
// looks at any state.
package slot

import "bytes"

// ID is a hash slot, 0 to Count-1.
type ID uint16

// Count is the number of hash slots in a cluster (Redis Cluster specification).
const Count = 16384

// Of returns the slot of key. It does not keep key.
func Of(key []byte) ID {
	return ID(crc16(HashTag(key)) % Count)
}

// HashTag returns the part of key that is hashed: the bytes between the first '{' and the first '}'
// after it when there are any, else the whole key. The result aliases key.
func HashTag(key []byte) []byte {
	open := bytes.IndexByte(key, '{')
	if open < 0 {
		return key
	}
	length := bytes.IndexByte(key[open+1:], '}')
	if length <= 0 {
		return key
	}
	return key[open+1 : open+1+length]
}

// crc16 is CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected.
func crc16(data []byte) uint16 {
	var crc uint16
	for _, b := range data {
		crc = crc<<8 ^ table[byte(crc>>8)^b]
	}
	return crc
}

// table holds the CRC of every single byte; it is never written after its construction.
var table = makeTable()

func makeTable() (t [256]uint16) {
	for i := range t {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		t[i] = crc
	}
	return t
}
