export default () => "untouched";
