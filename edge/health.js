// The path of the probe from outside (/planb/health/aws) becomes the application's own health path. Its behaviour has AWS
// as its only origin and does not run the router, so the answer is AWS's in every mode (runtime cloudfront-js-2.0).
function handler(event) {
  var request = event.request;
  request.uri = '/actuator/health';
  request.querystring = {};
  return request;
}
