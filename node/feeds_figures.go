package node

import (
	"strconv"

	"shiplog/node/admin"
	"shiplog/node/changes"
	"shiplog/wal"
)

// figures are what is measured of the change feeds. It asks nobody: of groups it is what was known a few seconds ago.
func (f *feeds) figures(copies []copyFigures) admin.Changes {
	reached := make(map[int]wal.Position, len(copies))
	for i := range copies {
		if b := copies[i].brief; b != nil {
			reached[copies[i].Number] = b.Figures.Reached
		}
	}
	reach := func(partition int) wal.Position { return reached[partition] }
	var c admin.Changes
	c.Readers, c.Delivered, c.Trimmed = f.read.Counts()
	all, snapshots := f.open()
	c.Snapshots = int64(snapshots)
	for _, s := range all {
		lag := admin.Lag{Name: strconv.FormatInt(s.id, 10)}
		if token := s.at.Load(); token != nil {
			lag.Records, lag.Behind = lagBehind(token, reach)
		}
		c.Subscriptions = append(c.Subscriptions, lag)
	}
	if lags := f.lags.Load(); lags != nil {
		for i := range lags.all {
			g := &lags.all[i]
			c.Groups = append(c.Groups, admin.Lag{Name: g.name, Records: g.led, Behind: g.ledSince})
		}
	}
	if f.node.projected != nil {
		c.Projectors = f.node.projected.figures(reach)
	}
	return c
}

// figures are what is measured of the projectors, by their partitions.
func (p *projection) figures(reach func(int) wal.Position) (figures []admin.Projector) {
	all := p.all()
	for i := range p.node.holder.partitions() {
		r := all[i]
		if r == nil {
			continue
		}
		at, published, failure := r.At()
		one := admin.Projector{Partition: i, Published: published, Failing: failure != nil}
		if at != nil {
			one.Behind = new(admin.Lag)
			one.Behind.Records, one.Behind.Behind = lagBehind(&changes.Token{Partitions: []changes.Position{*at}}, reach)
		}
		figures = append(figures, one)
	}
	return figures
}
