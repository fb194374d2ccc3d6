// Reports whether the page is visible. A page in a background tab or a minimised window is not.
export default {
  template: "<span hidden></span>",
  mounted() {
    document.addEventListener("visibilitychange", this.report);
    if (document.hidden) this.report();
  },
  unmounted() {
    document.removeEventListener("visibilitychange", this.report);
  },
  methods: {
    report() {
      this.$emit("visibility", !document.hidden);
    },
  },
};
