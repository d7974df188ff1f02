// Chooses the language of the saved page before anything reads a text: ?lang=…, else the browser's.

const asked = new URLSearchParams(location.search).get("lang") ?? navigator.language;
document.documentElement.lang = asked.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
document.getElementById(`texts-${document.documentElement.lang}`).id = "texts";
