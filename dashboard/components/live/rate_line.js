// A small line over time. A new point changes one attribute; the rest of the page is not rendered again.
const WIDTH = 72;
const HEIGHT = 16;
const LEAST = 12; // points across the whole width, so that the first ones do not jump

export default {
  template: `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"><polyline ref="line" /></svg>`,
  props: { rates: Array, most: Number },
  mounted() {
    this.points = [...this.rates];
    this.draw();
  },
  methods: {
    add(rate) {
      this.points.push(rate);
      this.points.splice(0, this.points.length - this.most);
      this.draw();
    },
    draw() {
      const top = Math.max(...this.points, 1);
      const step = WIDTH / Math.max(this.points.length - 1, LEAST - 1);
      const at = (rate, index) => `${(index * step).toFixed(1)},${(HEIGHT - 1 - (HEIGHT - 2) * rate / top).toFixed(1)}`;
      this.$refs.line.setAttribute("points", this.points.map(at).join(" "));
    },
  },
};
