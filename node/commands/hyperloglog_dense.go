package commands

// denseRegister returns a register of a dense sketch. Registers follow each other from the lowest bit of the first byte on.
func (s sketch) denseRegister(register int) byte {
	at, shift := denseAt(register)
	word := uint(s[at])
	if at+1 < len(s) {
		word |= uint(s[at+1]) << 8
	}
	return byte(word >> shift & (1<<registerWidth - 1))
}

// setDense writes a register of a dense sketch.
func (s sketch) setDense(register int, rank byte) {
	const mask = uint(1<<registerWidth - 1)
	at, shift := denseAt(register)
	word := uint(rank) << shift
	s[at] = s[at]&^byte(mask<<shift) | byte(word)
	if shift > 8-registerWidth {
		s[at+1] = s[at+1]&^byte(mask<<shift>>8) | byte(word>>8)
	}
}

// denseAt returns the byte in which a register begins, and the bit in it.
func denseAt(register int) (at int, shift uint) {
	bit := register * registerWidth
	return registersAt + bit/8, uint(bit % 8)
}

// promote makes a sparse sketch dense; its head stays but for the encoding. It returns false when the runs make no sense.
func (e *sketchEdit) promote() bool {
	if e.data.dense() {
		return true
	}
	var all registers
	if !e.data.mergeSparse(&all) {
		return false
	}
	data := make(sketch, denseSize)
	copy(data, e.data[:registersAt])
	data[encodingAt] = encodingDense
	for register, rank := range all {
		data.setDense(register, rank)
	}
	e.data, e.changed = data, true
	return true
}
