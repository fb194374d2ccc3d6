// Tells whether the page is seen: a tab behind another one, or in a window that is put away, is not.
export default {
  template: "<span hidden></span>",
  mounted() {
    document.addEventListener("visibilitychange", this.tell);
    if (document.hidden) this.tell();
  },
  unmounted() {
    document.removeEventListener("visibilitychange", this.tell);
  },
  methods: {
    tell() {
      this.$emit("seen", !document.hidden);
    },
  },
};
